/** What a client needs to reach one cluster. */
export interface ClusterAccess {
  readonly cluster: string;
  /** `https://127.0.0.1:<port>`: kubectl sends no token over plain http. */
  readonly server: string;
  /** PEM of the authority that signed the server's certificate; `undefined` over plain http. */
  readonly authority: string | undefined;
  readonly token: string;
  /** The user's name in the file; the token says who it is. */
  readonly user: string;
  readonly namespace: string;
}

/** A kubeconfig with one cluster, one user and one context, named as `gcloud container clusters get-credentials` names it: JSON, which is YAML. */
export function kubeconfig({ cluster, server, authority, token, user, namespace }: ClusterAccess): string {
  const ca =
    authority === undefined
      ? { 'insecure-skip-tls-verify': true }
      : { 'certificate-authority-data': Buffer.from(authority).toString('base64') };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: cluster, cluster: { server, ...ca } }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: cluster, context: { cluster, user, namespace } }],
    'current-context': cluster,
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
