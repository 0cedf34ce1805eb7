//! What URLs have that not all may read who read tags, logs and errors.

/// Names and passwords of HTTP servers, which may be tokens, are left out of a URL, and passwords of any
/// other: `https://user:secret@host/x` becomes `https://host/x`.
pub(crate) fn without_secrets(url: &str) -> String {
    let Some((scheme, authority, path)) = parts(url) else { return url.to_owned() };
    let Some((user, host)) = authority.rsplit_once('@') else { return url.to_owned() };
    if is_http(scheme) {
        return format!("{scheme}://{host}{path}");
    }
    let name = user.split(':').next().unwrap_or_default();
    format!("{scheme}://{name}@{host}{path}")
}

/// A text that a client has written, without the secrets of the URL that it was given.
pub(crate) fn redact(text: &str, url: &str) -> String {
    let mut text = text.replace(url, &without_secrets(url));
    for secret in secrets(url) {
        text = text.replace(&secret, "***");
    }
    text
}

/// Scheme, authority and path.
fn parts(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find('/').unwrap_or(rest.len());
    Some((scheme, &rest[..end], &rest[end..]))
}

fn is_http(scheme: &str) -> bool {
    let scheme = scheme.rsplit('+').next().unwrap_or_default();
    ["http", "https"].iter().any(|it| scheme.eq_ignore_ascii_case(it))
}

/// Names that go with a token as the password.
const NO_SECRETS: [&str; 4] = ["git", "x-access-token", "oauth2", "x-token-auth"];

/// What must not be shown, as it stands in the URL and as it is meant.
fn secrets(url: &str) -> Vec<String> {
    let Some((scheme, authority, _)) = parts(url) else { return Vec::new() };
    let Some((user, _)) = authority.rsplit_once('@') else { return Vec::new() };
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    // Where one of the two is a token, it may be either.
    let name = if is_http(scheme) && !NO_SECRETS.contains(&name) { name } else { "" };
    let all =
        [user, password, name].into_iter().flat_map(|it| [it.to_owned(), percent_decoded(it)]);
    // What is shorter would be found in anything.
    let mut all: Vec<String> = all.filter(|it| it.len() > 3 && it != "git").collect();
    if !is_http(scheme) {
        all.retain(|it| it != user || !password.is_empty());
    }
    all.sort_by_key(|it| std::cmp::Reverse(it.len()));
    all.dedup();
    all
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_without_their_secrets() {
        for (url, told) in [
            ("https://user:secret@host/x.git", "https://host/x.git"),
            ("https://ghp_token@host/x.git", "https://host/x.git"),
            ("https://host/x@y", "https://host/x@y"),
            ("https://user:se@cret@host", "https://host"),
            ("ssh://git@host:22/x", "ssh://git@host:22/x"),
            ("ssh://git:secret@host/x", "ssh://git@host/x"),
            ("git@host:x.git", "git@host:x.git"),
            ("/srv/x", "/srv/x"),
        ] {
            assert_eq!(without_secrets(url), told);
        }
    }

    #[test]
    fn what_a_client_writes_is_told_without_them() {
        let url = "https://ci:p%40ssword@host/x.git";
        let text = "fatal: unable to access 'https://ci:p%40ssword@host/x.git/': user ci, password p@ssword";
        let told = redact(text, url);
        assert_eq!(told, "fatal: unable to access 'https://host/x.git/': user ci, password ***");
        for url in ["https://ghp_token@host/x", "bzr+https://ghp_token:x-oauth-basic@host/x"] {
            assert_eq!(redact("remote: ghp_token is invalid", url), "remote: *** is invalid");
        }
        let plain = "fatal: repository '/srv/x' does not exist";
        assert_eq!(redact(plain, "/srv/x"), plain);
        assert_eq!(redact("git@host: denied", "ssh://builder@host/x"), "git@host: denied");
    }
}
