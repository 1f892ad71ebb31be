{{- /* The three probes; a custom one replaces, it does not merge.
       List: context, name of the probe, health service. */ -}}
{{- define "moeplan.probe" -}}
{{- $context := index . 0 -}}
{{- $probe := get $context.Values.probes (index . 1) -}}
{{- if $probe.enabled -}}
{{- printf "%sProbe:" (index . 1) }}
{{- if $probe.custom }}
{{- toYaml $probe.custom | nindent 2 }}
{{- else }}
  grpc:
    port: {{ $context.Values.service.port }}
    service: {{ index . 2 | quote }}
  periodSeconds: {{ $probe.periodSeconds }}
  timeoutSeconds: {{ $probe.timeoutSeconds }}
  failureThreshold: {{ $probe.failureThreshold }}
{{- end }}
{{- end -}}
{{- end -}}

{{- /* What the ports, volumes and the grace period depend on: it stands in env,
       so that no ConfigMap can contradict them. */ -}}
{{- define "moeplan.env" -}}
- name: MOEPLAN_LISTEN
  value: {{ include "moeplan.listen" (list .Values.server.bindAddress .Values.service.port) | quote }}
- name: MOEPLAN_STORE_DIR
  value: /var/lib/moeplan
- name: MOEPLAN_DRAIN_NOTICE
  value: {{ .Values.server.drainNotice | quote }}
- name: MOEPLAN_DRAIN_DEADLINE
  value: {{ .Values.server.drainDeadline | quote }}
{{- if .Values.metrics.enabled }}
- name: MOEPLAN_METRICS_LISTEN
  value: {{ include "moeplan.listen" (list .Values.server.bindAddress .Values.metrics.port) | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "moeplan.envFrom" -}}
- configMapRef:
    name: {{ include "moeplan.fullname" . }}
{{- with .Values.existingConfigMap }}
- configMapRef:
    name: {{ . }}
{{- end }}
{{- with .Values.existingSecret }}
- secretRef:
    name: {{ . }}
{{- end }}
{{- with .Values.extraEnvFrom }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "moeplan.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
- name: data
{{- if .Values.persistence.enabled }}
  persistentVolumeClaim:
    claimName: {{ include "moeplan.claimName" . }}
{{- else }}
  emptyDir:
    sizeLimit: {{ .Values.persistence.size }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "moeplan.container" -}}
name: server
image: {{ include "moeplan.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
command: [/usr/bin/moeplan-server]
env:
  {{- include "moeplan.env" . | nindent 2 }}
envFrom:
  {{- include "moeplan.envFrom" . | nindent 2 }}
ports:
  - name: grpc
    containerPort: {{ .Values.service.port }}
  {{- if .Values.metrics.enabled }}
  - name: http-metrics
    containerPort: {{ .Values.metrics.port }}
  {{- end }}
{{- with include "moeplan.probe" (list . "startup" "") }}
{{ . }}
{{- end }}
{{- with include "moeplan.probe" (list . "readiness" "readiness") }}
{{ . }}
{{- end }}
{{- with include "moeplan.probe" (list . "liveness" "liveness") }}
{{ . }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
volumeMounts:
  - name: data
    mountPath: /var/lib/moeplan
  - name: tmp
    mountPath: /tmp
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "moeplan.podAnnotations" -}}
{{- $all := dict "checksum/config" (include "moeplan.settings" . | sha256sum) -}}
{{- if .Values.metrics.podAnnotations -}}
{{- $_ := set $all "prometheus.io/scrape" "true" -}}
{{- $_ := set $all "prometheus.io/port" (.Values.metrics.port | toString) -}}
{{- $_ := set $all "prometheus.io/path" "/metrics" -}}
{{- end -}}
{{- toYaml (merge $all .Values.podAnnotations) -}}
{{- end -}}

{{- define "moeplan.settings" -}}
MOEPLAN_LOG_LEVEL: {{ .Values.server.logLevel | quote }}
MOEPLAN_SLOW_CALL: {{ .Values.server.slowCall | quote }}
MOEPLAN_THREADS: {{ .Values.server.threads | int | quote }}
MOEPLAN_FIT_THREADS: {{ .Values.server.fitThreads | int | quote }}
MOEPLAN_REFLECTION: {{ .Values.server.reflection | quote }}
{{- with .Values.server.defaultSet }}
MOEPLAN_DEFAULT_SET: {{ . | quote }}
{{- end }}
{{- with .Values.server.defaultDenseSet }}
MOEPLAN_DEFAULT_DENSE_SET: {{ . | quote }}
{{- end }}
{{- end -}}
