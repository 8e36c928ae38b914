"""One module of checks per room; every module here is found by itself."""
