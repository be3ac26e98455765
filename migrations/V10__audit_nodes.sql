ALTER TABLE audit_positions ADD COLUMN checked_at timestamptz, ADD COLUMN failing_since timestamptz, ADD COLUMN problem text;
