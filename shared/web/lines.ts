// The addresses and console lines of one ticket, as customers get them.

export interface Lines {
  link: string;
  curl: string;
  powershell: string;
}

/** `base` is the gateway's public address without a slash at its end. The link keeps the token out of every log. */
export function lines(base: string, token: string, name = 'logs.tar.gz'): Lines {
  return {
    link: `${base}/u/#${token}`,
    curl: `curl -T ${name} ${base}/u/${token}/`,
    powershell: `Invoke-RestMethod -Method Put -InFile ${name} -Uri ${base}/u/${token}/${name}`,
  };
}
