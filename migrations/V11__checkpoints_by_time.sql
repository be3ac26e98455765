-- Retention looks for the checkpoint that signed what it is about to cut: by the time of the block.
CREATE INDEX event_checkpoints_at ON event_checkpoints (at);
