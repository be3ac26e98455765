# The request path: hands out tokens of our roles, and nothing else. It cannot read, list or write any store.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "sys/capabilities-self" {
  capabilities = ["update"]
}
path "auth/token/create/gatehouse-write" {
  capabilities = ["update"]
}
path "auth/token/create/gatehouse-write-site" {
  capabilities = ["update"]
}
path "auth/token/create/gatehouse-read" {
  capabilities = ["update"]
}
path "auth/token/create/gatehouse-read-site" {
  capabilities = ["update"]
}
path "auth/token/create/gatehouse-delete" {
  capabilities = ["update"]
}
path "auth/token/create/gatehouse-credentials" {
  capabilities = ["update"]
}
path "auth/token/create/gatehouse-credentials-write" {
  capabilities = ["update"]
}
# To empty the stores of a vendor that was cancelled: such a token lists and deletes, and reads nothing.
path "auth/token/create/gatehouse-purge" {
  capabilities = ["update"]
}
# Roles of tokens that work from some networks only. The provisioner can make none that gives more than the kind's own.
path "auth/token/create/gatehouse-bound.write.*" {
  capabilities = ["update"]
}
path "auth/token/create/gatehouse-bound.write-site.*" {
  capabilities = ["update"]
}
path "auth/token/create/gatehouse-bound.read.*" {
  capabilities = ["update"]
}
path "auth/token/create/gatehouse-bound.read-site.*" {
  capabilities = ["update"]
}
path "auth/token/create/gatehouse-bound.credentials.*" {
  capabilities = ["update"]
}
# The keys under which API keys and access keys are digested, and the trail and envelopes are signed.
path "gatehouse-keys/data/+" {
  capabilities = ["read"]
}
# Said once more, as the provisioner's line for this path is nearer than the one above where one token has all rights.
path "gatehouse-keys/data/token-signing" {
  capabilities = ["read"]
}
# Which checkpoint of the trail is the newest.
path "gatehouse-keys/data/event-head" {
  capabilities = ["create", "read", "update"]
}
