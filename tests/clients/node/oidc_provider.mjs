// A certified OpenID provider for the tests: oidc-provider, with one client and people who say who they are at once.
// Arguments: the folder with node_modules, then JSON {port, client_id, client_secret, redirect_uri}.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, given] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(createRequire(`${folder}/`).resolve("oidc-provider")));
const settings = JSON.parse(given);
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };

// Whoever signs in next; the tests set it.
let person = { sub: "nobody" };

const provider = new Provider(`http://127.0.0.1:${settings.port}`, {
  clients: [
    {
      client_id: settings.client_id,
      client_secret: settings.client_secret,
      redirect_uris: [settings.redirect_uri],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
  ],
  claims: { email: ["email", "email_verified"], profile: ["name"] },
  conformIdTokenClaims: settings.claims_in_user_info ?? true,
  cookies: { keys: [randomUUID()] },
  features: { devInteractions: { enabled: false } },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ ...person, sub: id }) }),
  interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
  jwks: { keys: [key] },
  pkce: { required: () => true },
});

const answer = provider.callback();
createServer(async (request, response) => {
  if (request.url.startsWith("/person")) {
    person = JSON.parse(new URL(request.url, provider.issuer).searchParams.get("is"));
    response.end("ok");
  } else if (request.url.startsWith("/interaction/")) {
    const { prompt, params, session } = await provider.interactionDetails(request, response);
    if (prompt.name === "login") {
      await provider.interactionFinished(request, response, { login: { accountId: person.sub } }, { mergeWithLastSubmission: false });
      return;
    }
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope("openid email profile");
    await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
  } else {
    answer(request, response);
  }
}).listen(settings.port, "127.0.0.1", () => process.stdout.write("ready\n"));
