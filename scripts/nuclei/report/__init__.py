"""What people read: rows, tables, figures, the page."""
