path "<namespace>-store/{{identity.entity.aliases.<accessor>.name}}" { capabilities = ["create", "update", "delete"]}
