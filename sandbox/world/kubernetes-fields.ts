// The fields of every type that a client may send, one type a line (continued lines are indented), so that unknown and
// ill-typed fields are found as the API server finds them. Made from @kubernetes/client-node 2.0.1 (API release-1.36) by
// test/world/kubernetes-model.ts; a test says when the two differ.
//
// `s` string, `n` number, `b` boolean, `t` time, `y` base64, `q` number or string, `*` anything; `[]` list, `{}` map.
const TABLE = `
Affinity nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAntiAffinity
AppArmorProfile localhostProfile:s type:s
CSIVolumeSource driver:s fsType:s nodePublishSecretRef:LocalObjectReference readOnly:b volumeAttributes:s{}
Capabilities add:s[] drop:s[]
ClientIPConfig timeoutSeconds:n
ConfigMap apiVersion:s binaryData:y{} data:s{} immutable:b kind:s metadata:ObjectMeta
ConfigMapEnvSource name:s optional:b
ConfigMapKeySelector key:s name:s optional:b
ConfigMapVolumeSource defaultMode:n items:KeyToPath[] name:s optional:b
Container args:s[] command:s[] env:EnvVar[] envFrom:EnvFromSource[] image:s imagePullPolicy:s lifecycle:Lifecycle
  livenessProbe:Probe name:s ports:ContainerPort[] readinessProbe:Probe resizePolicy:ContainerResizePolicy[]
  resources:ResourceRequirements restartPolicy:s restartPolicyRules:ContainerRestartRule[]
  securityContext:SecurityContext startupProbe:Probe stdin:b stdinOnce:b terminationMessagePath:s
  terminationMessagePolicy:s tty:b volumeDevices:VolumeDevice[] volumeMounts:VolumeMount[] workingDir:s
ContainerPort containerPort:n hostIP:s hostPort:n name:s protocol:s
ContainerResizePolicy resourceName:s restartPolicy:s
ContainerResourceMetricSource container:s name:s target:MetricTarget
ContainerRestartRule action:s exitCodes:ContainerRestartRuleOnExitCodes
ContainerRestartRuleOnExitCodes operator:s values:n[]
ContainerState running:ContainerStateRunning terminated:ContainerStateTerminated waiting:ContainerStateWaiting
ContainerStateRunning startedAt:t
ContainerStateTerminated containerID:s exitCode:n finishedAt:t message:s reason:s signal:n startedAt:t
ContainerStateWaiting message:s reason:s
ContainerStatus allocatedResources:s{} allocatedResourcesStatus:*[] containerID:s image:s imageID:s
  lastState:ContainerState name:s ready:b resources:ResourceRequirements restartCount:n started:b state:ContainerState
  stopSignal:s user:ContainerUser volumeMounts:*[]
ContainerUser linux:LinuxContainerUser
CrossVersionObjectReference apiVersion:s kind:s name:s
DeleteOptions apiVersion:s dryRun:s[] gracePeriodSeconds:n ignoreStoreReadErrorWithClusterBreakingPotential:b kind:s
  orphanDependents:b preconditions:Preconditions propagationPolicy:s
Deployment apiVersion:s kind:s metadata:ObjectMeta spec:DeploymentSpec status:DeploymentStatus
DeploymentCondition lastTransitionTime:t lastUpdateTime:t message:s reason:s status:s type:s
DeploymentSpec minReadySeconds:n paused:b progressDeadlineSeconds:n replicas:n revisionHistoryLimit:n
  selector:LabelSelector strategy:DeploymentStrategy template:PodTemplateSpec
DeploymentStatus availableReplicas:n collisionCount:n conditions:DeploymentCondition[] observedGeneration:n
  readyReplicas:n replicas:n terminatingReplicas:n unavailableReplicas:n updatedReplicas:n
DeploymentStrategy rollingUpdate:RollingUpdateDeployment type:s
DownwardAPIVolumeFile fieldRef:ObjectFieldSelector mode:n path:s resourceFieldRef:ResourceFieldSelector
DownwardAPIVolumeSource defaultMode:n items:DownwardAPIVolumeFile[]
EmptyDirVolumeSource medium:s sizeLimit:s
EndpointAddress hostname:s ip:s nodeName:s targetRef:ObjectReference
EndpointPort appProtocol:s name:s port:n protocol:s
EndpointSubset addresses:EndpointAddress[] notReadyAddresses:EndpointAddress[] ports:EndpointPort[]
Endpoints apiVersion:s kind:s metadata:ObjectMeta subsets:EndpointSubset[]
EnvFromSource configMapRef:ConfigMapEnvSource prefix:s secretRef:SecretEnvSource
EnvVar name:s value:s valueFrom:EnvVarSource
EnvVarSource configMapKeyRef:ConfigMapKeySelector fieldRef:ObjectFieldSelector fileKeyRef:FileKeySelector
  resourceFieldRef:ResourceFieldSelector secretKeyRef:SecretKeySelector
Event action:s apiVersion:s count:n eventTime:t firstTimestamp:t involvedObject:ObjectReference kind:s lastTimestamp:t
  message:s metadata:ObjectMeta reason:s related:ObjectReference reportingComponent:s reportingInstance:s
  series:EventSeries source:EventSource type:s
EventSeries count:n lastObservedTime:t
EventSource component:s host:s
Eviction apiVersion:s deleteOptions:DeleteOptions kind:s metadata:ObjectMeta
ExecAction command:s[]
ExternalMetricSource metric:MetricIdentifier target:MetricTarget
FieldSelectorAttributes rawSelector:s requirements:FieldSelectorRequirement[]
FieldSelectorRequirement key:s operator:s values:s[]
FileKeySelector key:s optional:b path:s volumeName:s
GRPCAction port:n service:s
HPAScalingPolicy periodSeconds:n type:s value:n
HPAScalingRules policies:HPAScalingPolicy[] selectPolicy:s stabilizationWindowSeconds:n tolerance:s
HTTPGetAction host:s httpHeaders:HTTPHeader[] path:s port:q scheme:s
HTTPHeader name:s value:s
HorizontalPodAutoscaler apiVersion:s kind:s metadata:ObjectMeta spec:HorizontalPodAutoscalerSpec status:*
HorizontalPodAutoscalerBehavior scaleDown:HPAScalingRules scaleUp:HPAScalingRules
HorizontalPodAutoscalerSpec behavior:HorizontalPodAutoscalerBehavior maxReplicas:n metrics:MetricSpec[] minReplicas:n
  scaleTargetRef:CrossVersionObjectReference
HostAlias hostnames:s[] ip:s
HostIP ip:s
HostPathVolumeSource path:s type:s
IPBlock cidr:s except:s[]
ImageVolumeSource pullPolicy:s reference:s
KeyToPath key:s mode:n path:s
LabelSelector matchExpressions:LabelSelectorRequirement[] matchLabels:s{}
LabelSelectorAttributes rawSelector:s requirements:LabelSelectorRequirement[]
LabelSelectorRequirement key:s operator:s values:s[]
Lifecycle postStart:LifecycleHandler preStop:LifecycleHandler stopSignal:s
LifecycleHandler exec:ExecAction httpGet:HTTPGetAction sleep:SleepAction tcpSocket:TCPSocketAction
LinuxContainerUser gid:n supplementalGroups:n[] uid:n
LocalObjectReference name:s
LocalSubjectAccessReview apiVersion:s kind:s metadata:ObjectMeta spec:SubjectAccessReviewSpec
  status:SubjectAccessReviewStatus
MetricIdentifier name:s selector:LabelSelector
MetricSpec containerResource:ContainerResourceMetricSource external:ExternalMetricSource object:ObjectMetricSource
  pods:PodsMetricSource resource:ResourceMetricSource type:s
MetricTarget averageUtilization:n averageValue:s type:s value:s
Namespace apiVersion:s kind:s metadata:ObjectMeta spec:NamespaceSpec status:*
NamespaceSpec finalizers:s[]
NetworkPolicy apiVersion:s kind:s metadata:ObjectMeta spec:NetworkPolicySpec
NetworkPolicyEgressRule ports:NetworkPolicyPort[] to:NetworkPolicyPeer[]
NetworkPolicyIngressRule from:NetworkPolicyPeer[] ports:NetworkPolicyPort[]
NetworkPolicyPeer ipBlock:IPBlock namespaceSelector:LabelSelector podSelector:LabelSelector
NetworkPolicyPort endPort:n port:q protocol:s
NetworkPolicySpec egress:NetworkPolicyEgressRule[] ingress:NetworkPolicyIngressRule[] podSelector:LabelSelector
  policyTypes:s[]
Node apiVersion:s kind:s metadata:ObjectMeta spec:NodeSpec status:*
NodeAffinity preferredDuringSchedulingIgnoredDuringExecution:PreferredSchedulingTerm[]
  requiredDuringSchedulingIgnoredDuringExecution:NodeSelector
NodeSelector nodeSelectorTerms:NodeSelectorTerm[]
NodeSelectorRequirement key:s operator:s values:s[]
NodeSelectorTerm matchExpressions:NodeSelectorRequirement[] matchFields:NodeSelectorRequirement[]
NodeSpec configSource:* externalID:s podCIDR:s podCIDRs:s[] providerID:s taints:Taint[] unschedulable:b
NonResourceAttributes path:s verb:s
ObjectFieldSelector apiVersion:s fieldPath:s
ObjectMeta annotations:s{} creationTimestamp:t deletionGracePeriodSeconds:n deletionTimestamp:t finalizers:s[]
  generateName:s generation:n labels:s{} managedFields:*[] name:s namespace:s ownerReferences:OwnerReference[]
  resourceVersion:s selfLink:s uid:s
ObjectMetricSource describedObject:CrossVersionObjectReference metric:MetricIdentifier target:MetricTarget
ObjectReference apiVersion:s fieldPath:s kind:s name:s namespace:s resourceVersion:s uid:s
OwnerReference apiVersion:s blockOwnerDeletion:b controller:b kind:s name:s uid:s
PersistentVolumeClaimVolumeSource claimName:s readOnly:b
Pod apiVersion:s kind:s metadata:ObjectMeta spec:PodSpec status:PodStatus
PodAffinity preferredDuringSchedulingIgnoredDuringExecution:WeightedPodAffinityTerm[]
  requiredDuringSchedulingIgnoredDuringExecution:PodAffinityTerm[]
PodAffinityTerm labelSelector:LabelSelector matchLabelKeys:s[] mismatchLabelKeys:s[] namespaceSelector:LabelSelector
  namespaces:s[] topologyKey:s
PodAntiAffinity preferredDuringSchedulingIgnoredDuringExecution:WeightedPodAffinityTerm[]
  requiredDuringSchedulingIgnoredDuringExecution:PodAffinityTerm[]
PodCondition lastProbeTime:t lastTransitionTime:t message:s observedGeneration:n reason:s status:s type:s
PodDNSConfig nameservers:s[] options:PodDNSConfigOption[] searches:s[]
PodDNSConfigOption name:s value:s
PodDisruptionBudget apiVersion:s kind:s metadata:ObjectMeta spec:PodDisruptionBudgetSpec status:*
PodDisruptionBudgetSpec maxUnavailable:q minAvailable:q selector:LabelSelector unhealthyPodEvictionPolicy:s
PodIP ip:s
PodOS name:s
PodReadinessGate conditionType:s
PodResourceClaim name:s resourceClaimName:s resourceClaimTemplateName:s
PodSchedulingGate name:s
PodSchedulingGroup podGroupName:s
PodSecurityContext appArmorProfile:AppArmorProfile fsGroup:n fsGroupChangePolicy:s runAsGroup:n runAsNonRoot:b
  runAsUser:n seLinuxChangePolicy:s seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile supplementalGroups:n[]
  supplementalGroupsPolicy:s sysctls:Sysctl[] windowsOptions:*
PodSpec activeDeadlineSeconds:n affinity:Affinity automountServiceAccountToken:b containers:Container[]
  dnsConfig:PodDNSConfig dnsPolicy:s enableServiceLinks:b ephemeralContainers:*[] hostAliases:HostAlias[] hostIPC:b
  hostNetwork:b hostPID:b hostUsers:b hostname:s hostnameOverride:s imagePullSecrets:LocalObjectReference[]
  initContainers:Container[] nodeName:s nodeSelector:s{} os:PodOS overhead:s{} preemptionPolicy:s priority:n
  priorityClassName:s readinessGates:PodReadinessGate[] resourceClaims:PodResourceClaim[]
  resources:ResourceRequirements restartPolicy:s runtimeClassName:s schedulerName:s
  schedulingGates:PodSchedulingGate[] schedulingGroup:PodSchedulingGroup securityContext:PodSecurityContext
  serviceAccount:s serviceAccountName:s setHostnameAsFQDN:b shareProcessNamespace:b subdomain:s
  terminationGracePeriodSeconds:n tolerations:Toleration[] topologySpreadConstraints:TopologySpreadConstraint[]
  volumes:Volume[]
PodStatus allocatedResources:s{} conditions:PodCondition[] containerStatuses:ContainerStatus[]
  ephemeralContainerStatuses:ContainerStatus[] extendedResourceClaimStatus:* hostIP:s hostIPs:HostIP[]
  initContainerStatuses:ContainerStatus[] message:s nodeAllocatableResourceClaimStatuses:*[] nominatedNodeName:s
  observedGeneration:n phase:s podIP:s podIPs:PodIP[] qosClass:s reason:s resize:s resourceClaimStatuses:*[]
  resources:ResourceRequirements startTime:t
PodTemplateSpec metadata:ObjectMeta spec:PodSpec
PodsMetricSource metric:MetricIdentifier target:MetricTarget
Preconditions resourceVersion:s uid:s
PreferredSchedulingTerm preference:NodeSelectorTerm weight:n
Probe exec:ExecAction failureThreshold:n grpc:GRPCAction httpGet:HTTPGetAction initialDelaySeconds:n periodSeconds:n
  successThreshold:n tcpSocket:TCPSocketAction terminationGracePeriodSeconds:n timeoutSeconds:n
ProjectedVolumeSource defaultMode:n sources:*[]
ReplicaSet apiVersion:s kind:s metadata:ObjectMeta spec:ReplicaSetSpec status:ReplicaSetStatus
ReplicaSetCondition lastTransitionTime:t message:s reason:s status:s type:s
ReplicaSetSpec minReadySeconds:n replicas:n selector:LabelSelector template:PodTemplateSpec
ReplicaSetStatus availableReplicas:n conditions:ReplicaSetCondition[] fullyLabeledReplicas:n observedGeneration:n
  readyReplicas:n replicas:n terminatingReplicas:n
ResourceAttributes fieldSelector:FieldSelectorAttributes group:s labelSelector:LabelSelectorAttributes name:s
  namespace:s resource:s subresource:s verb:s version:s
ResourceClaim name:s request:s
ResourceFieldSelector containerName:s divisor:s resource:s
ResourceMetricSource name:s target:MetricTarget
ResourceRequirements claims:ResourceClaim[] limits:q{} requests:q{}
RollingUpdateDeployment maxSurge:q maxUnavailable:q
SELinuxOptions level:s role:s type:s user:s
Scale apiVersion:s kind:s metadata:ObjectMeta spec:ScaleSpec status:ScaleStatus
ScaleSpec replicas:n
ScaleStatus replicas:n selector:s
SeccompProfile localhostProfile:s type:s
Secret apiVersion:s data:y{} immutable:b kind:s metadata:ObjectMeta stringData:s{} type:s
SecretEnvSource name:s optional:b
SecretKeySelector key:s name:s optional:b
SecretVolumeSource defaultMode:n items:KeyToPath[] optional:b secretName:s
SecurityContext allowPrivilegeEscalation:b appArmorProfile:AppArmorProfile capabilities:Capabilities privileged:b
  procMount:s readOnlyRootFilesystem:b runAsGroup:n runAsNonRoot:b runAsUser:n seLinuxOptions:SELinuxOptions
  seccompProfile:SeccompProfile windowsOptions:*
SelfSubjectAccessReview apiVersion:s kind:s metadata:ObjectMeta spec:SelfSubjectAccessReviewSpec
  status:SubjectAccessReviewStatus
SelfSubjectAccessReviewSpec nonResourceAttributes:NonResourceAttributes resourceAttributes:ResourceAttributes
SelfSubjectRulesReview apiVersion:s kind:s metadata:ObjectMeta spec:SelfSubjectRulesReviewSpec status:*
SelfSubjectRulesReviewSpec namespace:s
Service apiVersion:s kind:s metadata:ObjectMeta spec:ServiceSpec status:*
ServicePort appProtocol:s name:s nodePort:n port:n protocol:s targetPort:q
ServiceSpec allocateLoadBalancerNodePorts:b clusterIP:s clusterIPs:s[] externalIPs:s[] externalName:s
  externalTrafficPolicy:s healthCheckNodePort:n internalTrafficPolicy:s ipFamilies:s[] ipFamilyPolicy:s
  loadBalancerClass:s loadBalancerIP:s loadBalancerSourceRanges:s[] ports:ServicePort[] publishNotReadyAddresses:b
  selector:s{} sessionAffinity:s sessionAffinityConfig:SessionAffinityConfig trafficDistribution:s type:s
SessionAffinityConfig clientIP:ClientIPConfig
SleepAction seconds:n
SubjectAccessReview apiVersion:s kind:s metadata:ObjectMeta spec:SubjectAccessReviewSpec
  status:SubjectAccessReviewStatus
SubjectAccessReviewSpec extra:s[]{} groups:s[] nonResourceAttributes:NonResourceAttributes
  resourceAttributes:ResourceAttributes uid:s user:s
SubjectAccessReviewStatus allowed:b denied:b evaluationError:s reason:s
Sysctl name:s value:s
TCPSocketAction host:s port:q
Taint effect:s key:s timeAdded:t value:s
Toleration effect:s key:s operator:s tolerationSeconds:n value:s
TopologySpreadConstraint labelSelector:LabelSelector matchLabelKeys:s[] maxSkew:n minDomains:n nodeAffinityPolicy:s
  nodeTaintsPolicy:s topologyKey:s whenUnsatisfiable:s
Volume awsElasticBlockStore:* azureDisk:* azureFile:* cephfs:* cinder:* configMap:ConfigMapVolumeSource
  csi:CSIVolumeSource downwardAPI:DownwardAPIVolumeSource emptyDir:EmptyDirVolumeSource ephemeral:* fc:* flexVolume:*
  flocker:* gcePersistentDisk:* gitRepo:* glusterfs:* hostPath:HostPathVolumeSource image:ImageVolumeSource iscsi:*
  name:s nfs:* persistentVolumeClaim:PersistentVolumeClaimVolumeSource photonPersistentDisk:* portworxVolume:*
  projected:ProjectedVolumeSource quobyte:* rbd:* scaleIO:* secret:SecretVolumeSource storageos:* vsphereVolume:*
VolumeDevice devicePath:s name:s
VolumeMount mountPath:s mountPropagation:s name:s readOnly:b recursiveReadOnly:s subPath:s subPathExpr:s
WeightedPodAffinityTerm podAffinityTerm:PodAffinityTerm weight:n
`;

/** The fields of each type: name to code. */
export const FIELDS: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map(
  TABLE.trim()
    .replaceAll('\n  ', ' ')
    .split('\n')
    .map((line) => {
      const [type = '', ...fields] = line.split(' ');
      return [type, new Map(fields.map((field) => split(field)))];
    }),
);

function split(field: string): readonly [string, string] {
  const colon = field.indexOf(':');
  return [field.slice(0, colon), field.slice(colon + 1)];
}
