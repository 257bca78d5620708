//! Splits a stream into its JSON documents.

/// Finds the ends of JSON objects and arrays that follow each other, with or without white space between.
#[derive(Debug, Default)]
pub struct Splitter {
    buffer: Vec<u8>,
    /// Bytes of `buffer` looked at already.
    scanned: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Splitter {
    /// Adds bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Takes the next complete document off the front.
    pub fn next_document(&mut self) -> Option<Vec<u8>> {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            self.scanned += 1;
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        let rest = self.buffer.split_off(self.scanned);
                        self.scanned = 0;
                        return Some(std::mem::replace(&mut self.buffer, rest));
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// What is left without a document's end.
    pub fn rest(&self) -> &[u8] {
        &self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_gives_the_same_documents() {
        let text = "{\"a\":\"}\\\"{\"}{\"b\":[1,{}]}\r\n [2]\n";
        for size in 1..=text.len() {
            let mut splitter = Splitter::default();
            let mut found = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                splitter.push(piece);
                while let Some(document) = splitter.next_document() {
                    found.push(serde_json::from_slice::<serde_json::Value>(&document).unwrap());
                }
            }
            assert_eq!(
                found,
                [serde_json::json!({"a": "}\"{"}), serde_json::json!({"b": [1, {}]}), serde_json::json!([2])]
            );
            assert!(splitter.rest().trim_ascii().is_empty());
        }
    }

    #[test]
    fn unbalanced_input_does_not_hang_or_panic() {
        let mut splitter = Splitter::default();
        splitter.push(b"}}]{\"x");
        assert!(splitter.next_document().is_some());
        assert!(splitter.next_document().is_some());
        assert!(splitter.next_document().is_some());
        assert!(splitter.next_document().is_none());
        assert_eq!(splitter.rest(), b"{\"x");
    }
}
