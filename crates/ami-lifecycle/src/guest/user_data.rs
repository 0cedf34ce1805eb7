//! The user data of a builder: what amiable sends, merged with the template's own.

use std::fmt::Write;

/// The content types by which cloud-init tells parts apart
/// (<https://cloudinit.readthedocs.io/en/latest/explanation/format.html>).
const KINDS: [(&str, &str); 9] = [
    // The longer of two that begin alike comes first.
    ("#cloud-config-archive", "text/cloud-config-archive"),
    ("#cloud-config-jsonp", "text/cloud-config-jsonp"),
    ("#cloud-config", "text/cloud-config"),
    ("#cloud-boothook", "text/cloud-boothook"),
    ("#include-once", "text/x-include-once-url"),
    ("#include", "text/x-include-url"),
    ("#part-handler", "text/part-handler"),
    ("## template: jinja", "text/jinja2"),
    ("#!", "text/x-shellscript"),
];

/// No part may have a line of this.
const BOUNDARY: &str = "==amiable-user-data==";

/// How cloud-init merges the template's part into amiable's: lists grow, tables too, and
/// where both say something, what amiable says stays
/// (<https://cloudinit.readthedocs.io/en/latest/reference/merging.html>).
const MERGE: &str = "list(append)+dict(no_replace,recurse_list,recurse_dict)+str()";

/// EC2's limit, in bytes before base64
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html>).
const LARGEST: usize = 16 * 1024;

/// Checks that user data of a template can be merged.
///
/// # Errors
/// A text that says what is wrong with it.
pub fn check(text: &str) -> Result<(), String> {
    if text.contains(BOUNDARY) {
        return Err(format!("it has {BOUNDARY:?}, which separates its parts"));
    }
    // What amiable adds takes about 1 KiB, with room for the names of users.
    if text.len() > LARGEST - 2048 {
        return Err(format!("it has {} bytes, and only {} fit", text.len(), LARGEST - 2048));
    }
    if is_mime(text) || kind(text).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = KINDS.iter().map(|(begins, _)| *begins).collect();
    Err(format!("it begins with none of {} and is not MIME", known.join(", ")))
}

fn kind(text: &str) -> Option<&'static str> {
    KINDS.iter().find(|(begins, _)| text.starts_with(begins)).map(|(_, kind)| *kind)
}

fn is_mime(text: &str) -> bool {
    let head = text.get(..13).unwrap_or_default().to_ascii_lowercase();
    head.starts_with("content-type:") || head.starts_with("mime-version:")
}

/// Amiable's cloud-config, and the template's own user data after it.
pub(crate) fn merge(ours: &str, own: Option<&str>) -> String {
    let Some(own) = own else { return ours.to_owned() };
    let mut text =
        format!("Content-Type: multipart/mixed; boundary=\"{BOUNDARY}\"\nMIME-Version: 1.0\n\n");
    let part = |text: &mut String, headers: &str, body: &str| {
        let _ = write!(text, "--{BOUNDARY}\n{headers}{body}\n");
    };
    let headers = "Content-Type: text/cloud-config; charset=\"utf-8\"\n\n";
    part(&mut text, headers, ours);
    // A message of several parts brings its own headers.
    let headers = match kind(own) {
        Some(kind) => {
            format!("Content-Type: {kind}; charset=\"utf-8\"\nMerge-Type: {MERGE}\n\n")
        }
        None => String::new(),
    };
    part(&mut text, &headers, own);
    text + &format!("--{BOUNDARY}--\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alone_amiables_part_is_all_there_is() {
        assert_eq!(merge("#cloud-config\na: 1\n", None), "#cloud-config\na: 1\n");
    }

    #[test]
    fn python_reads_the_parts_as_cloud_init_does() {
        let own = "#!/bin/sh\necho hello\n";
        assert_eq!(check(own), Ok(()));
        let merged = merge("#cloud-config\na: 1\n", Some(own));
        let program = "import email, sys\n\
                       m = email.message_from_string(sys.stdin.read())\n\
                       for p in m.walk():\n\
                       \x20   if not p.is_multipart(): print(p.get_content_type(), p['Merge-Type'], repr(p.get_payload()))\n";
        let mut python = std::process::Command::new("python3")
            .args(["-c", program])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut python.stdin.take().unwrap(), merged.as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            format!(
                "text/cloud-config None '#cloud-config\\na: 1\\n'\n\
                 text/x-shellscript {MERGE} '#!/bin/sh\\necho hello\\n'\n"
            )
        );
    }

    #[test]
    fn kinds_that_begin_alike_are_told_apart() {
        assert_eq!(kind("#cloud-config\na: 1"), Some("text/cloud-config"));
        assert_eq!(kind("#cloud-config-archive\n- x"), Some("text/cloud-config-archive"));
        assert_eq!(kind("#include-once\nx"), Some("text/x-include-once-url"));
    }

    #[test]
    fn what_cannot_be_merged_is_refused() {
        assert!(check("hello").unwrap_err().contains("and is not MIME"));
        assert!(check(&format!("#!{}", "x".repeat(LARGEST))).unwrap_err().contains("fit"));
        assert_eq!(check("MIME-Version: 1.0\n\n"), Ok(()));
    }
}
