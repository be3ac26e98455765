# Makes the store and the policies of a vendor. Who may write policies is root in the end: keep this token apart from
# the issuer's, or fence the whole service into an OpenBao namespace of its own.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "sys/capabilities-self" {
  capabilities = ["update"]
}
# The accessor of auth/token stands in the text of templated policies.
path "sys/internal/ui/mounts/auth/token" {
  capabilities = ["read"]
}
path "sys/mounts/+" {
  capabilities = ["create", "read", "update", "delete"]
  allowed_parameters = {
    "type"        = ["kv"]
    "description" = []
    "options"     = []
  }
}
path "sys/mounts/+/secret" {
  capabilities = ["create", "read", "update", "delete"]
  allowed_parameters = {
    "type"        = ["kv"]
    "description" = []
    "options"     = []
  }
}
path "sys/mounts/gatehouse-keys" {
  capabilities = ["deny"]
}
# Quirk: OpenBao takes `SAAS-policy` and ` saas-policy` for `saas-policy`. It folds and trims the name before it asks
# these lines (2.7.2, `tests/api/rights.rs`), so the lower-case names below are enough. Try it again on another server.
path "sys/policies/acl/+" {
  capabilities = ["create", "read", "update", "delete"]
}
# To find policies that our token roles would give and that are no vendor's.
path "sys/policies/acl" {
  capabilities = ["list"]
}
# To find roles that somebody changed.
path "auth/token/roles/gatehouse-*" {
  capabilities = ["read"]
}
# Token roles of tokens that work from some networks only: each with what the kind's own role has, and networks. No field
# may have another value. A role that leaves out which policies it gives, gives those of whoever asks it.
# Quirk: `required_parameters` would be asked of reads too (2.7.2).
path "auth/token/roles/gatehouse-bound.write.*" {
  capabilities = ["create", "read", "update", "delete"]
  allowed_parameters = {
    "allowed_policies_glob"   = [["*-write-policy"]]
    "token_explicit_max_ttl"  = ["2419200s"]
    "renewable"               = [true]
    "token_no_default_policy" = [false]
    "orphan"                  = [true]
    "token_type"              = ["service"]
    "token_bound_cidrs"       = []
  }
}
path "auth/token/roles/gatehouse-bound.write-site.*" {
  capabilities = ["create", "read", "update", "delete"]
  allowed_parameters = {
    "allowed_policies"        = [["gatehouse.self"]]
    "allowed_policies_glob"   = [["*.site-write"]]
    "allowed_entity_aliases"  = [["*"]]
    "token_explicit_max_ttl"  = ["2419200s"]
    "renewable"               = [true]
    "token_no_default_policy" = [true]
    "orphan"                  = [true]
    "token_type"              = ["service"]
    "token_bound_cidrs"       = []
  }
}
path "auth/token/roles/gatehouse-bound.read.*" {
  capabilities = ["create", "read", "update", "delete"]
  allowed_parameters = {
    "allowed_policies_glob"   = [["*-read-policy"]]
    "token_explicit_max_ttl"  = ["604800s"]
    "renewable"               = [true]
    "token_no_default_policy" = [false]
    "orphan"                  = [true]
    "token_type"              = ["service"]
    "token_bound_cidrs"       = []
  }
}
path "auth/token/roles/gatehouse-bound.read-site.*" {
  capabilities = ["create", "read", "update", "delete"]
  allowed_parameters = {
    "allowed_policies"        = [["gatehouse.self"]]
    "allowed_policies_glob"   = [["*.site-read"]]
    "allowed_entity_aliases"  = [["*"]]
    "token_explicit_max_ttl"  = ["604800s"]
    "renewable"               = [true]
    "token_no_default_policy" = [true]
    "orphan"                  = [true]
    "token_type"              = ["service"]
    "token_bound_cidrs"       = []
  }
}
path "auth/token/roles/gatehouse-bound.credentials.*" {
  capabilities = ["create", "read", "update", "delete"]
  allowed_parameters = {
    "allowed_policies"        = [["gatehouse.self"]]
    "allowed_policies_glob"   = [["*.credentials-read"]]
    "token_explicit_max_ttl"  = ["2419200s"]
    "renewable"               = [true]
    "token_no_default_policy" = [true]
    "orphan"                  = [true]
    "token_type"              = ["service"]
    "token_bound_cidrs"       = []
  }
}
# To find those of them that are nobody's any more.
path "auth/token/roles" {
  capabilities = ["list"]
}
path "sys/policies/acl/saas-policy" {
  capabilities = ["deny"]
}
path "sys/policies/acl/issuer-policy" {
  capabilities = ["deny"]
}
path "sys/policies/acl/revoker-policy" {
  capabilities = ["deny"]
}
path "sys/policies/acl/provisioner-policy" {
  capabilities = ["deny"]
}
path "sys/policies/acl/gatehouse.*" {
  capabilities = ["deny"]
}
path "sys/policies/acl/default" {
  capabilities = ["deny"]
}
path "sys/policies/acl/root" {
  capabilities = ["deny"]
}
# The next version of the key that access tokens are signed with. It is not read with this token.
path "gatehouse-keys/data/token-signing" {
  capabilities = ["create", "update"]
}
