"""A local mirror of an account: read once, then kept up, in Delta Lake tables that every engine reads."""
