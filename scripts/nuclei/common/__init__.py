"""What every subject uses: errors, files that are written whole, YAML and JSON, archives, progress lines, Markdown."""
