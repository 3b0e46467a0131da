// An upload by Uppy with its tus plugin. node uppy-client.mjs ENDPOINT TOKEN FILE NAME PART_BYTES: prints a line of JSON.
import fs from "node:fs";
import Uppy from "@uppy/core";
import Tus from "@uppy/tus";
import { DefaultHttpStack } from "tus-js-client";

const [endpoint, token, path, name, part] = process.argv.slice(2);

// Both are made for browsers: what they look for there and Node does not have.
globalThis.window ??= globalThis;
globalThis.navigator ??= { onLine: true };
globalThis.addEventListener ??= () => {};
globalThis.removeEventListener ??= () => {};

// Uppy sets a property of the browser's request object; Node's requests have none before they are sent.
class HttpStack extends DefaultHttpStack {
    createRequest(method, url) {
        const request = super.createRequest(method, url);
        const underlying = request.getUnderlyingObject.bind(request);
        request.getUnderlyingObject = () => underlying() ?? {};
        return request;
    }
}

const uppy = new Uppy({ autoProceed: false });
uppy.use(Tus, {
    endpoint,
    httpStack: new HttpStack({}),
    headers: { "Upload-Token": token },
    chunkSize: Number(part),
    retryDelays: Array(40).fill(250),
    allowedMetaFields: ["name", "type", "filename"],
});
const data = fs.readFileSync(path);
uppy.addFile({ name, type: "application/gzip", data: Object.assign(data, { size: data.length }), meta: { filename: name } });
const result = await uppy.upload();
console.log(JSON.stringify({ urls: result.successful.map((f) => f.uploadURL), errors: result.failed.map((f) => f.error) }));
process.exit(result.failed.length > 0 ? 1 : 0);
