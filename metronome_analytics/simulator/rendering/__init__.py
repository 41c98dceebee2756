"""How the account's things are written on the wire. Reads the world, changes nothing, knows no request."""
