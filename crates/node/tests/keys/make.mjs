// Makes the keys of this folder, and tokens that OpenSSL signed (through Node.js): run once, the results are kept.
// The tokens are the second opinion: signing and checking of our own could share a mistake.
import { execFileSync } from 'node:child_process';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const keep = (name, key, type) => writeFileSync(here(name), key.export({ type, format: 'pem' }));

function makePair(name, kind, options) {
  const pair = generateKeyPairSync(kind, options);
  keep(`${name}.public.pem`, pair.publicKey, 'spki');
  return pair;
}

function makeSigner(name, kind, options) {
  const pair = makePair(name, kind, options);
  keep(`${name}.private.pem`, pair.privateKey, 'pkcs8');
  return pair;
}

const rsa = makeSigner('rsa', 'rsa', { modulusLength: 2048 });
const p256 = makeSigner('p256', 'ec', { namedCurve: 'prime256v1' });
const ed25519 = makeSigner('ed25519', 'ed25519');
makeSigner('rsa-other', 'rsa', { modulusLength: 2048 });
makeSigner('p256-other', 'ec', { namedCurve: 'prime256v1' });

// What is refused, or is written in an older form.
makePair('ed25519-other', 'ed25519');
makePair('rsa-1024', 'rsa', { modulusLength: 1024 });
makePair('p384', 'ec', { namedCurve: 'secp384r1' });
makePair('secp256k1', 'ec', { namedCurve: 'secp256k1' });
makePair('x25519', 'x25519');
keep('rsa.pkcs1.public.pem', rsa.publicKey, 'pkcs1');
keep('rsa.pkcs1.private.pem', rsa.privateKey, 'pkcs1');
keep('p256.sec1.private.pem', p256.privateKey, 'sec1');
const request = ['req', '-x509', '-new', '-subj', '/CN=tests', '-days', '36500'];
execFileSync('openssl', [...request, '-key', here('rsa.private.pem'), '-out', here('rsa.certificate.pem')]);

// The text of `SECRET` in tests/tokens/main.rs.
const secret = 'not a secret, but as long as one: 32 bytes and some more for HS512';
const ways = {
  HS256: (text) => createHmac('sha256', secret).update(text).digest(),
  HS384: (text) => createHmac('sha384', secret).update(text).digest(),
  HS512: (text) => createHmac('sha512', secret).update(text).digest(),
  RS256: (text) => sign('sha256', Buffer.from(text), rsa.privateKey),
  RS512: (text) => sign('sha512', Buffer.from(text), rsa.privateKey),
  ES256: (text) => sign('sha256', Buffer.from(text), { key: p256.privateKey, dsaEncoding: 'ieee-p1363' }),
  EdDSA: (text) => sign(null, Buffer.from(text), ed25519.privateKey),
};
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
let lines = '';
for (const [alg, signed] of Object.entries(ways)) {
  const text = `${part({ typ: 'JWT', alg })}.${part({ sub: '42', exp: 2000000000 })}`;
  lines += `${alg} ${text}.${signed(text).toString('base64url')}\n`;
}
writeFileSync(here('openssl-tokens.txt'), lines);
