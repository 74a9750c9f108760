"""What runs pubs here: Aer, other backends, and error mitigation around them."""
