path "<namespace>-credentials/secret/data/*" { capabilities = ["create", "update"]}
path "<namespace>-credentials/secret/metadata/*" { capabilities = ["read", "delete"]}
path "<namespace>-credentials/secret/delete/*" { capabilities = ["update"]}
path "<namespace>-credentials/secret/undelete/*" { capabilities = ["update"]}
path "<namespace>-credentials/secret/destroy/*" { capabilities = ["update"]}
