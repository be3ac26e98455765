{{- define "gatehouse.name" -}}
{{- if contains "gatehouse" .Release.Name -}}
{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-gatehouse" (.Release.Name | trunc 42 | trimSuffix "-") }}
{{- end -}}
{{- end -}}

{{- define "gatehouse.selector" -}}
app.kubernetes.io/name: gatehouse
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "gatehouse.labels" -}}
{{ include "gatehouse.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "gatehouse.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "gatehouse.name" .) }}
{{- else -}}
{{ required "serviceAccount.name must be set where none is created" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{- define "gatehouse.image" -}}
{{- $repository := required "image.repository must be set" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" $repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end -}}
{{- end -}}

{{- define "gatehouse.scheme" -}}
{{- if .Values.tls.secret }}HTTPS{{ else }}HTTP{{ end -}}
{{- end -}}

{{/* What every pod of the chart may do: nothing. */}}
{{- define "gatehouse.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "gatehouse.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* PostgreSQL: of serve, doctor and migrate. */}}
{{- define "gatehouse.databaseEnv" -}}
- name: DATABASE_URL_FILE
  value: /run/secrets/gatehouse/database/{{ .Values.database.key }}
{{- if .Values.database.ca.name }}
- name: GATEHOUSE_DATABASE_CACERT
  value: /run/gatehouse/database-ca/{{ .Values.database.ca.key }}
{{- end }}
{{- end -}}

{{- define "gatehouse.databaseMounts" -}}
- name: database
  mountPath: /run/secrets/gatehouse/database
  readOnly: true
{{- if .Values.database.ca.name }}
- name: database-ca
  mountPath: /run/gatehouse/database-ca
  readOnly: true
{{- end }}
{{- end -}}

{{/* A volume with an authority. Takes a name, and kind, name and key of where it lies. */}}
{{- define "gatehouse.caVolume" -}}
- name: {{ .volume }}
  {{- if eq .ca.kind "Secret" }}
  secret:
    secretName: {{ .ca.name }}
    defaultMode: 0440
  {{- else }}
  configMap:
    name: {{ .ca.name }}
  {{- end }}
    items:
      - key: {{ .ca.key }}
        path: {{ .ca.key }}
{{- end -}}

{{/* Takes the root, and the Secret's name. */}}
{{- define "gatehouse.databaseVolumes" -}}
- name: database
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
    items:
      - key: {{ .root.Values.database.key }}
        path: {{ .root.Values.database.key }}
{{- with .root.Values.database.ca }}
{{- if .name }}
{{ include "gatehouse.caVolume" (dict "volume" "database-ca" "ca" .) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The whole environment of `serve`, which `doctor` shares. */}}
{{- define "gatehouse.env" -}}
{{ include "gatehouse.databaseEnv" . }}
- name: GATEHOUSE_LISTEN
  value: 0.0.0.0:8080
- name: GATEHOUSE_PUBLIC_URL
  value: {{ required "publicUrl must be set" .Values.publicUrl | quote }}
- name: GATEHOUSE_STOP_DELAY
  value: {{ .Values.stopDelay | quote }}
- name: GATEHOUSE_SIGNUP_SECRET_FILE
  value: /run/secrets/gatehouse/signup/{{ .Values.signup.key }}
{{- with .Values.trustedProxies }}
- name: GATEHOUSE_TRUSTED_PROXIES
  value: {{ join "," . | quote }}
{{- end }}
{{- if .Values.tls.secret }}
- name: GATEHOUSE_TLS_CERT_FILE
  value: /run/secrets/gatehouse/tls/tls.crt
- name: GATEHOUSE_TLS_KEY_FILE
  value: /run/secrets/gatehouse/tls/tls.key
{{- end }}
{{- with .Values.openbao }}
- name: GATEHOUSE_BAO_ADDR
  value: {{ required "openbao.address must be set" .address | quote }}
{{- with .publicUrl }}
- name: GATEHOUSE_VAULT_PUBLIC_URL
  value: {{ . | quote }}
{{- end }}
{{- with .namespace }}
- name: GATEHOUSE_BAO_NAMESPACE
  value: {{ . | quote }}
{{- end }}
{{- if .ca.name }}
- name: GATEHOUSE_BAO_CACERT
  value: /run/gatehouse/openbao-ca/{{ .ca.key }}
{{- end }}
{{- if eq .auth "kubernetes" }}
- name: GATEHOUSE_BAO_KUBERNETES_MOUNT
  value: {{ .kubernetes.mount | quote }}
- name: GATEHOUSE_BAO_KUBERNETES_TOKEN_FILE
  value: /run/secrets/gatehouse/service-account/token
{{- if .kubernetes.one }}
- name: GATEHOUSE_BAO_KUBERNETES_ROLE
  value: {{ .kubernetes.one | quote }}
{{- else }}
- name: GATEHOUSE_BAO_ISSUER_KUBERNETES_ROLE
  value: {{ .kubernetes.issuer | quote }}
- name: GATEHOUSE_BAO_REVOKER_KUBERNETES_ROLE
  value: {{ .kubernetes.revoker | quote }}
- name: GATEHOUSE_BAO_PROVISIONER_KUBERNETES_ROLE
  value: {{ .kubernetes.provisioner | quote }}
{{- end }}
{{- else }}
{{- $approle := .approle }}
{{- range $which := list "issuer" "revoker" "provisioner" }}
{{- $key := printf "%sRoleId" $which }}
- name: GATEHOUSE_BAO_{{ upper $which }}_ROLE_ID
  value: {{ required (printf "openbao.approle.%s must be set" $key) (get $approle $key) | quote }}
- name: GATEHOUSE_BAO_{{ upper $which }}_SECRET_ID_FILE
  value: /run/secrets/gatehouse/approle/{{ $which }}_secret_id
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{- define "gatehouse.mounts" -}}
{{ include "gatehouse.databaseMounts" . }}
- name: signup
  mountPath: /run/secrets/gatehouse/signup
  readOnly: true
{{- if .Values.tls.secret }}
- name: tls
  mountPath: /run/secrets/gatehouse/tls
  readOnly: true
{{- end }}
{{- if .Values.openbao.ca.name }}
- name: openbao-ca
  mountPath: /run/gatehouse/openbao-ca
  readOnly: true
{{- end }}
{{- if eq .Values.openbao.auth "kubernetes" }}
- name: service-account
  mountPath: /run/secrets/gatehouse/service-account
  readOnly: true
{{- else }}
- name: approle
  mountPath: /run/secrets/gatehouse/approle
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "gatehouse.volumes" -}}
{{ include "gatehouse.databaseVolumes" (dict "root" . "secret" .Values.database.secret) }}
- name: signup
  secret:
    secretName: {{ .Values.signup.secret }}
    defaultMode: 0440
    items:
      - key: {{ .Values.signup.key }}
        path: {{ .Values.signup.key }}
{{- with .Values.tls.secret }}
- name: tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- if .Values.openbao.ca.name }}
{{ include "gatehouse.caVolume" (dict "volume" "openbao-ca" "ca" .Values.openbao.ca) }}
{{- end }}
{{- if eq .Values.openbao.auth "kubernetes" }}
- name: service-account
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3600
          {{- with .Values.openbao.kubernetes.audience }}
          audience: {{ . | quote }}
          {{- end }}
{{- else }}
- name: approle
  secret:
    secretName: {{ .Values.openbao.approle.secret }}
    defaultMode: 0440
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
