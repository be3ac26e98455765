path "<namespace>-store/*" { capabilities = ["list", "delete"]}
path "<namespace>-credentials/secret/metadata/*" { capabilities = ["list", "delete"]}
