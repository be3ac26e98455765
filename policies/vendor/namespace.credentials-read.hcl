path "<namespace>-credentials/secret/data/*" { capabilities = ["read"]}
path "<namespace>-credentials/secret/metadata/*" { capabilities = ["read", "list"]}
