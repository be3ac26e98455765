path "<namespace>-store/*" { capabilities = ["delete"]}
