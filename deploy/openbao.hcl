# OpenBao for Gatehouse: one raft node. The paths are those of the container image; outside of it put the data below
# /var/lib/openbao and the log below /var/log/openbao.

# Where clients, and the other nodes, reach this node.
api_addr     = "https://openbao:8200"
cluster_addr = "https://openbao:8201"

# No web interface: one door less.
ui = false

# On disk, so that it survives a restart. For a cluster give each node a name of its own and add retry_join blocks.
storage "raft" {
  path    = "/openbao/file"
  node_id = "openbao-1"
}

listener "tcp" {
  address         = "0.0.0.0:8200"
  cluster_address = "0.0.0.0:8201"

  # Tokens and secrets cross this line. Plugins and support teams connect here too, so its name stands in the certificate.
  tls_cert_file   = "/openbao/tls/openbao.pem"
  tls_key_file    = "/openbao/tls/openbao.key"
  tls_min_version = "tls12"
}

# Every request and every answer, one JSON object a line. It can be declared here only, not by the API. Values are
# hashed; accessors stand in clear, as they name a token and cannot be used as one: with them a line here is joined to
# Gatehouse's record of who asked for that token. When the disk is full OpenBao answers nothing, so rotate this file
# (and send SIGHUP), and watch the disk. A second device on another disk keeps it answering. Where `gatehouse audit-ship`
# reads it as a member of OpenBao's group, the mode is 0640. On every node of a cluster this block is the same to the
# letter: a node whose own differs cannot take the lead.
audit "file" "file" {
  options {
    file_path     = "/openbao/logs/audit.log"
    mode          = "0600"
    hmac_accessor = "false"
  }
}

# The system's own limit, said aloud: below 768 hours, write tokens would not reach the 28 days they are promised, nor
# Gatehouse's own tokens their 32.
default_lease_ttl = "768h"
max_lease_ttl     = "768h"

# Off: nothing is kept or sent, and no gauges walk the leases. Gatehouse's /metrics counts tokens and vendors.
telemetry {
  prometheus_retention_time = "0s"
  usage_gauge_period        = "none"
  disable_hostname          = true
}
