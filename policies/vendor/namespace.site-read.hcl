path "<namespace>-store/{{identity.entity.aliases.<accessor>.name}}" { capabilities = ["read"]}
