{{- define "wigeon.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "wigeon.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "wigeon.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "wigeon.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "wigeon.selectorLabels" -}}
app.kubernetes.io/name: {{ include "wigeon.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "wigeon.labels" -}}
{{ include "wigeon.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "wigeon.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "wigeon.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "wigeon.nodeName" -}}
{{- default (include "wigeon.fullname" .) .Values.node.name -}}
{{- end -}}

{{- define "wigeon.image" -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}

{{- define "wigeon.keySecretName" -}}
{{- default (include "wigeon.fullname" .) .Values.siteKeys.existingSecret -}}
{{- end -}}

{{/*
The keys, one in a line: those of the values, else those that the Secret of an earlier install holds, else a new one.
A new one is remembered in the values, as the Secret and the notes must show the same.
*/}}
{{- define "wigeon.siteKeys" -}}
{{- if .Values.siteKeys.values -}}
{{- join "\n" .Values.siteKeys.values -}}
{{- else -}}
{{- if not (hasKey .Values.siteKeys "generated") -}}
{{- $known := dig "data" "site-keys" "" (lookup "v1" "Secret" .Release.Namespace (include "wigeon.keySecretName" .)) | b64dec -}}
{{- $_ := set .Values.siteKeys "generated" (default (printf "pk_%s" (randAlphaNum 22)) $known) -}}
{{- end -}}
{{- .Values.siteKeys.generated -}}
{{- end -}}
{{- end -}}

{{- define "wigeon.env" -}}
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "wigeon.volumeMounts" -}}
- name: config
  mountPath: /etc/wigeon/config
  readOnly: true
- name: keys
  mountPath: /etc/wigeon/keys
  readOnly: true
- name: kubelet
  mountPath: /run/wigeon
- name: tmp
  mountPath: /tmp
- name: state
  mountPath: /var/lib/wigeon
{{- end -}}
