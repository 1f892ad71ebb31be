{{- /* Jobs that measure machines. */ -}}

{{- /* A job with what it does not say filled in. List: context, job. */ -}}
{{- define "moeplan.workerJob" -}}
{{- $worker := (index . 0).Values.worker -}}
{{- $defaults := dict "device" "cuda" "product" "" "suite" $worker.suite "dtype" $worker.dtype "claim" "" "nodeSelector" dict -}}
{{- toYaml (merge dict (index . 1) $defaults) -}}
{{- end -}}

{{- define "moeplan.workerContainer" -}}
{{- $context := index . 0 -}}
{{- $job := index . 1 -}}
{{- $worker := $context.Values.worker -}}
{{- $resources := deepCopy $worker.resources -}}
{{- if eq $job.device "cuda" -}}
{{- $_ := set $resources $worker.gpuResource 1 -}}
{{- end -}}
{{- $counts := and $worker.counters (eq $job.device "cuda") }}
name: worker
image: {{ include "moeplan.imageOf" (list $context $worker.image) | quote }}
imagePullPolicy: {{ $context.Values.image.pullPolicy }}
command: [/usr/bin/moeplan-worker]
args:
  - run
  - --device={{ $job.device }}
  - --suite={{ $job.suite }}
  - --dtype={{ $job.dtype }}
  - --output=/var/lib/moeplan-worker/{{ $job.name }}-{{ $job.suite }}.jsonl
  {{- if $counts }}
  - --counters
  {{- end }}
  - --server={{ include "moeplan.fullname" $context }}:{{ $context.Values.service.port }}
resources:
  requests:
    {{- toYaml $resources | nindent 4 }}
  limits:
    {{- toYaml $resources | nindent 4 }}
securityContext:
  {{- $security := deepCopy $context.Values.securityContext }}
  {{- if $counts }}
  {{- $rights := dict "runAsNonRoot" false "runAsUser" 0 "capabilities" (dict "drop" (list "ALL") "add" (list "SYS_ADMIN")) }}
  {{- $security = merge $rights $security }}
  {{- end }}
  {{- toYaml $security | nindent 2 }}
volumeMounts:
  - name: results
    mountPath: /var/lib/moeplan-worker
  - name: tmp
    mountPath: /tmp
{{- end -}}

{{- /* Times of a shared GPU are not its own: nodes that say so are left out. */ -}}
{{- define "moeplan.wholeGpuAffinity" -}}
nodeAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    nodeSelectorTerms:
      - matchExpressions:
          - {key: nvidia.com/gpu.replicas, operator: DoesNotExist}
      - matchExpressions:
          - {key: nvidia.com/gpu.replicas, operator: Lt, values: ["2"]}
{{- end -}}

{{- define "moeplan.workerPod" -}}
{{- $context := index . 0 -}}
{{- $job := index . 1 -}}
restartPolicy: OnFailure
serviceAccountName: {{ include "moeplan.serviceAccountName" $context }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml $context.Values.podSecurityContext | nindent 2 }}
containers:
  - {{- include "moeplan.workerContainer" . | nindent 4 }}
volumes:
  - name: results
    {{- if $job.claim }}
    persistentVolumeClaim:
      claimName: {{ $job.claim }}
    {{- else }}
    emptyDir:
      sizeLimit: {{ $context.Values.worker.resultsSize }}
    {{- end }}
  # Code that the driver compiles for the GPU it finds.
  - name: tmp
    emptyDir:
      sizeLimit: 512Mi
{{- $nodes := $job.nodeSelector }}
{{- if eq $job.device "cuda" }}
{{- $nodes = merge (dict "nvidia.com/gpu.product" $job.product) $nodes }}
affinity:
  {{- include "moeplan.wholeGpuAffinity" . | nindent 2 }}
{{- end }}
{{- with $nodes }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $context.Values.worker.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $context.Values.worker.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with $context.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Jobs cannot be changed: another specification is another job. */ -}}
{{- define "moeplan.workerSpec" -}}
{{- $context := index . 0 -}}
{{- $worker := $context.Values.worker -}}
backoffLimit: {{ $worker.backoffLimit }}
activeDeadlineSeconds: {{ $worker.activeDeadlineSeconds }}
ttlSecondsAfterFinished: {{ $worker.ttlSecondsAfterFinished }}
template:
  metadata:
    labels:
      {{- $own := include "moeplan.workerLabels" $context | fromYaml }}
      {{- toYaml (merge $own $context.Values.commonLabels) | nindent 6 }}
  spec:
    {{- include "moeplan.workerPod" . | nindent 4 }}
{{- end -}}

{{- define "moeplan.workerLabels" -}}
app.kubernetes.io/name: {{ include "moeplan.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: worker
{{- end -}}

{{- /* What would measure something else than a whole device. */ -}}
{{- define "moeplan.checkWorker" -}}
{{- $worker := .Values.worker -}}
{{- $resource := $worker.gpuResource -}}
{{- if or (contains "/mig-" $resource) (hasSuffix ".shared" $resource) -}}
{{- fail (printf "worker.gpuResource is %q: a part of a GPU or a shared one has times that are not the device's; use nvidia.com/gpu of nodes that share none" $resource) -}}
{{- end -}}
{{- $names := dict -}}
{{- range $index, $given := $worker.jobs -}}
{{- $job := include "moeplan.workerJob" (list $ $given) | fromYaml -}}
{{- $where := printf "worker.jobs[%d]" $index -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,20}[a-z0-9])?$" $job.name) -}}
{{- fail (printf "%s.name is %q: at most 22 of a-z, 0-9 and -, beginning with a letter and not ending with -" $where $job.name) -}}
{{- end -}}
{{- if hasKey $names $job.name -}}
{{- fail (printf "%s.name is %q, as is that of another job" $where $job.name) -}}
{{- end -}}
{{- $_ := set $names $job.name true -}}
{{- if not (has $job.suite (list "smoke" "standard" "full")) -}}
{{- fail (printf "%s.suite is %q: use smoke, standard or full" $where $job.suite) -}}
{{- end -}}
{{- if not (regexMatch "^(bf16|f32|fp8)(,(bf16|f32|fp8))*$" $job.dtype) -}}
{{- fail (printf "%s.dtype is %q: use bf16, f32 and fp8, with commas between" $where $job.dtype) -}}
{{- end -}}
{{- if and (eq $job.device "cuda") (not $job.product) -}}
{{- fail (printf "%s.product is empty: name the GPU as its nodes' label nvidia.com/gpu.product does, since measurements of different ones are never mixed" $where) -}}
{{- end -}}
{{- if and (eq $job.device "cpu") $job.product -}}
{{- fail (printf "%s.product is %q but its device is cpu: the job would hold a GPU and not measure it" $where $job.product) -}}
{{- end -}}
{{- if regexMatch "-(MIG|SHARED)(-|$)" $job.product -}}
{{- fail (printf "%s.product is %q: a part of a GPU or a shared one has times that are not the device's; measure a whole one" $where $job.product) -}}
{{- end -}}
{{- end -}}
{{- end -}}
