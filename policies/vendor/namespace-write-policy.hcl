path "<namespace>-store/*" { capabilities = ["create", "update", "delete"]}
