"""What answers each endpoint: parameters read and checked, things looked up in the world, written by `rendering`."""
