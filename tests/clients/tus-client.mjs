// An upload by tus-js-client, as a program of a customer would do it.
// node tus-client.mjs ENDPOINT TOKEN FILE NAME PART_BYTES STORE: resumes what STORE remembers of FILE. Prints a line
// of JSON for every part that was acknowledged, and one at the end with the milliseconds it took.
import fs from "node:fs";
import { Upload } from "tus-js-client";
import { FileUrlStorage } from "tus-js-client";

const [endpoint, token, path, name, part, store] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));

const upload = new Upload(fs.createReadStream(path), {
    endpoint,
    uploadSize: fs.statSync(path).size,
    chunkSize: Number(part),
    metadata: { filename: name, filetype: "application/gzip", token },
    retryDelays: Array(40).fill(250),
    urlStorage: new FileUrlStorage(store),
    fingerprint: () => Promise.resolve(`tus-${path}`),
    removeFingerprintOnSuccess: true,
    onAfterResponse: (_request, response) => { upload.sha256 = response.getHeader("Upload-Sha256") ?? upload.sha256; },
    onChunkComplete: (_size, accepted) => say({ accepted }),
    onError: (error) => { say({ error: error.message }); process.exitCode = 1; },
    onSuccess: () => say({ url: upload.url, sha256: upload.sha256, ms: performance.now() - begun }),
});

const previous = await upload.findPreviousUploads();
if (previous.length > 0) upload.resumeFromPreviousUpload(previous[0]);
const begun = performance.now();
upload.start();
