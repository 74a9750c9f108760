"""qml-qdl."""
