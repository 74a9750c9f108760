"""Jobs on machines: recorded before they are sent, and never paid twice."""
