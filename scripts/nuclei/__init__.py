"""The library: a folder a subject. A folder imports only from folders on lower floors (docs/map.md)."""
