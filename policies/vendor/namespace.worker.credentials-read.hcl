path "<namespace>-credentials/secret/data/<pattern>" { capabilities = ["read"]}
path "<namespace>-credentials/secret/metadata/<pattern>" { capabilities = ["read"]}
