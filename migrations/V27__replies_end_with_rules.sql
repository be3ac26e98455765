-- Where a vendor's rules change, answers that hold secrets are not given again: who may have had them then may be refused
-- now. Those are the ones that are given again for ten minutes; the others hold nothing that a rule could refuse.
CREATE FUNCTION forget_secret_replies() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE idempotency_keys SET reply = NULL
    WHERE vendor_id = NEW.id AND reply IS NOT NULL AND replay_until <= done_at + interval '10 minutes';
    RETURN NULL;
END
$$;
CREATE TRIGGER vendors_forget_secret_replies
    AFTER UPDATE OF support_paused_until, signed_clients_only, store_wide_writes, token_settings, token_epoch ON vendors
    FOR EACH ROW EXECUTE FUNCTION forget_secret_replies();
