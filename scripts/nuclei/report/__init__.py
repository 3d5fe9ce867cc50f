"""What people read: rows and files of the tables, figures, the report page, the page of the plan."""
