// Loaded when it is first needed, by people's tools alone: no function asks what somebody else may do.

export { AuthorizationV1Api } from '@kubernetes/client-node';
