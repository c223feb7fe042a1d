"""Engine, tables and migrations: SQLite or PostgreSQL, one schema."""
