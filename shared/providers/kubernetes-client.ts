// Loaded when it is first needed, by `import()` (functions/register.ts): a bundle holds what is named here, and its package keeps its names.

export {
  AppsV1Api,
  AutoscalingV2Api,
  CoreV1Api,
  KubeConfig,
  NetworkingV1Api,
  Observable,
  PolicyV1Api,
  ResponseContext,
  SelfDecodingBody,
} from '@kubernetes/client-node';
