-- Tokens for scripts end. Those made before have no end, and go on until they are revoked.
ALTER TABLE operator_tokens ADD COLUMN expires_at timestamptz;
