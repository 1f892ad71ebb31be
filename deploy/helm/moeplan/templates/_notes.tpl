{{- define "moeplan.notes" -}}
{{- $name := include "moeplan.fullname" . -}}
moeplan {{ .Chart.AppVersion }} is at {{ $name }}.{{ .Release.Namespace }}.svc:{{ .Values.service.port }} (gRPC, plain text, no users).

Wait until it serves:

  kubectl --namespace {{ .Release.Namespace }} rollout status deployment/{{ $name }}

Ask it from here, in two terminals:

  kubectl --namespace {{ .Release.Namespace }} port-forward service/{{ $name }} {{ .Values.service.port }}:{{ .Values.service.port }}
  moeplan plan --server 127.0.0.1:{{ .Values.service.port }} --compute 1e22 --memory 80GiB
{{- if .Values.metrics.enabled }}

Its metrics, in two terminals:

  kubectl --namespace {{ .Release.Namespace }} port-forward service/{{ $name }} {{ .Values.metrics.port }}:{{ .Values.metrics.port }}
  curl http://127.0.0.1:{{ .Values.metrics.port }}/metrics
{{- end }}
{{- if .Values.tests.enabled }}

Check it:

  helm test {{ .Release.Name }} --namespace {{ .Release.Namespace }} --logs
{{- end }}
{{- if not .Values.persistence.enabled }}

persistence.enabled is false: coefficient sets that you store are lost with the pod.
{{- end }}
{{- if eq (int .Values.replicaCount) 0 }}

replicaCount is 0: no server runs.
{{- end }}
{{- if and .Values.dashboards.enabled (not (.Files.Glob "files/dashboards/*.json")) }}

dashboards.enabled is true but the chart holds no dashboard: files/dashboards is empty.
{{- end }}
{{- end -}}
