path "<namespace>-store/*" { capabilities = ["read"]}
