// The addresses and console lines of one ticket, as customers get them.

export interface Lines {
  link: string;
  plain: string; // for browsers without JavaScript; servers and proxies on the way see the token
  curl: string;
  powershell: string;
}

/** `base` is the gateway's public address without a slash at its end. The link keeps the token out of every log. */
export function lines(base: string, token: string, name = 'logs.tar.gz'): Lines {
  return {
    link: `${base}/u/#${token}`,
    plain: `${base}/u/${token}`,
    curl: `curl -T ${name} ${base}/u/${token}/`,
    powershell: `Invoke-RestMethod -Method Put -InFile ${name} -Uri ${base}/u/${token}/${name}`,
  };
}
