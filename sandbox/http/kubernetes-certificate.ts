import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

// A certificate for an API server on loopback, which signs itself: whoever has it as authority trusts this server and no
// other. kubectl sends a token over https only, and Node makes no certificates; so here is the little of X.509 (RFC 5280)
// that one needs, in DER.

/** A key and its certificate, both PEM. The certificate is also the authority (`certificate-authority-data`). */
export interface ServerCertificate {
  readonly key: string;
  readonly cert: string;
}

const bytes = (...parts: readonly (Uint8Array | number)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : part)));

/** One DER value: tag, length, content. */
function der(tag: number, ...parts: readonly (Uint8Array | number)[]): Buffer {
  const content = bytes(...parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return bytes(tag, ...size, content);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const text = (tag: number, value: string): Buffer => der(tag, Buffer.from(value, 'latin1'));
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const TRUE = der(0x01, 0xff);

const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));
const COMMON_NAME = oid('550403');
const SERVER_AUTH = oid('2b06010505070301');
const EXTENSION = {
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  extendedKeyUsage: '551d25',
  subjectAltName: '551d11',
};
/** digitalSignature and keyCertSign. */
const KEY_USAGE = Buffer.from('03020284', 'hex');

const extension = (name: keyof typeof EXTENSION, critical: boolean, value: Uint8Array): Buffer =>
  sequence(oid(EXTENSION[name]), ...(critical ? [TRUE] : []), der(0x04, value));

function toPem(label: string, content: Uint8Array): string {
  const lines =
    Buffer.from(content)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** Makes a new key and its certificate for `localhost` and 127.0.0.1, valid until 2049. */
export function makeServerCertificate(commonName: string): ServerCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(der(0x31, sequence(COMMON_NAME, text(0x0c, commonName))));
  const validity = sequence(text(0x17, '250101000000Z'), text(0x17, '491231235959Z'));
  const altNames = sequence(text(0x82, 'localhost'), der(0x87, 127, 0, 0, 1));
  const extensions = sequence(
    extension('basicConstraints', true, sequence(TRUE)),
    extension('keyUsage', true, KEY_USAGE),
    extension('extendedKeyUsage', false, sequence(SERVER_AUTH)),
    extension('subjectAltName', false, altNames),
  );
  // The first byte of a serial number keeps it positive and its length fixed.
  const serial = der(0x02, 0x4a, randomBytes(15));
  const version3 = der(0xa0, der(0x02, 2));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const signed = sequence(version3, serial, ECDSA_SHA256, name, validity, name, spki, der(0xa3, extensions));
  const signature = sign('sha256', signed, { key: privateKey, dsaEncoding: 'der' });
  const certificate = sequence(signed, ECDSA_SHA256, der(0x03, 0, signature));
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { key, cert: toPem('CERTIFICATE', certificate) };
}
