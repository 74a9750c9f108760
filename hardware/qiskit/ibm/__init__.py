"""IBM's service: account, machines, and a client that asks again with retry."""
