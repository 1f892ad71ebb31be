{{- define "moeplan.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "moeplan.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := include "moeplan.name" . -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- $full | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "moeplan.selectorLabels" -}}
app.kubernetes.io/name: {{ include "moeplan.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end -}}

{{- /* All labels of an object of a component: list of context and component. */ -}}
{{- define "moeplan.labels" -}}
{{- $context := index . 0 -}}
{{- $own := dict
      "app.kubernetes.io/name" (include "moeplan.name" $context)
      "app.kubernetes.io/instance" $context.Release.Name
      "app.kubernetes.io/component" (index . 1)
      "app.kubernetes.io/version" $context.Chart.AppVersion
      "app.kubernetes.io/managed-by" $context.Release.Service
      "helm.sh/chart" (printf "%s-%s" $context.Chart.Name $context.Chart.Version | replace "+" "_") -}}
{{- toYaml (merge $own $context.Values.commonLabels) -}}
{{- end -}}

{{- define "moeplan.image" -}}
{{- include "moeplan.imageOf" (list . .Values.image) -}}
{{- end -}}

{{- /* List: context, map of repository, tag and digest. */ -}}
{{- define "moeplan.imageOf" -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default (index . 0).Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "moeplan.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "moeplan.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "moeplan.claimName" -}}
{{- default (printf "%s-data" (include "moeplan.fullname" .)) .Values.persistence.existingClaim -}}
{{- end -}}

{{- /* The image's listener: an IPv6 address goes in brackets. List: address, port. */ -}}
{{- define "moeplan.listen" -}}
{{- $address := index . 0 -}}
{{- if contains ":" $address -}}
{{- printf "[%s]:%d" $address (int (index . 1)) -}}
{{- else -}}
{{- printf "%s:%d" $address (int (index . 1)) -}}
{{- end -}}
{{- end -}}
