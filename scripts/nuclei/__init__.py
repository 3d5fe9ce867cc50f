"""The library, one folder per subject. A folder imports only from folders of lower layers (floors in docs/map.md)."""
