"""What every subject uses: errors, whole files, YAML and JSON, archives, progress lines, Markdown."""
