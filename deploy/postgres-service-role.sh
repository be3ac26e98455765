#!/bin/sh
# Makes the role as which Gatehouse serves: it owns nothing, so that row-level security holds it. PostgreSQL's container runs
# this once, when it makes its data.
set -eu
password=$(cat /run/secrets/service_password)
export password
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv password password
CREATE ROLE gatehouse_service LOGIN PASSWORD :'password';
SQL
