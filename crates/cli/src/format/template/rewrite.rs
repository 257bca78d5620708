//! Rewrites a template before it runs: field accesses and methods become calls, and printed values pass a function.

use gotmpl::parse::{BranchNode, CommandNode, Expr, ListNode, Node, Number, PipeNode, Pos, SmolStr};

use super::functions::is_template_function;
use super::{FIELD, Fields, PRINT};

/// Replaces field accesses by calls, and collects what the template uses.
pub(super) struct Rewrite {
    pub(super) fields: Fields,
    pub(super) unknown: Option<(String, usize)>,
}

impl Rewrite {
    pub(super) fn list(&mut self, list: &mut ListNode) {
        for node in &mut list.nodes {
            match node {
                Node::List(list) => self.list(list),
                Node::Action(action) => {
                    self.pipe(&mut action.pipe);
                    if action.pipe.decl.is_empty() {
                        let name = Expr::Identifier(action.pos, SmolStr::new_static(PRINT));
                        action.pipe.commands.push(CommandNode { pos: action.pos, args: vec![name] });
                    }
                }
                Node::If(branch) | Node::Range(branch) | Node::With(branch) => self.branch(branch),
                Node::Template(template) => {
                    if let Some(pipe) = &mut template.pipe {
                        self.pipe(pipe);
                    }
                }
                Node::Define(define) => self.list(&mut define.body),
                Node::Text(_) | Node::Break(_) | Node::Continue(_) => {}
            }
        }
    }

    fn branch(&mut self, branch: &mut BranchNode) {
        self.pipe(&mut branch.pipe);
        self.list(&mut branch.body);
        if let Some(otherwise) = &mut branch.else_body {
            self.list(otherwise);
        }
    }

    fn pipe(&mut self, pipe: &mut PipeNode) {
        for (stage, command) in pipe.commands.iter_mut().enumerate() {
            // `.Label "x"`, or `"x" | .Label`: a method. Without arguments it is a field.
            let method = (command.args.len() > 1 || stage > 0)
                && matches!(command.args[0], Expr::Field(..) | Expr::Variable(..) | Expr::Chain(..));
            for argument in &mut command.args {
                self.expression(argument);
            }
            if method {
                let pos = command.args[0].pos();
                command.args.insert(0, Expr::Identifier(pos, SmolStr::new_static("call")));
            }
        }
    }

    fn expression(&mut self, expression: &mut Expr) {
        match expression {
            Expr::Dot(_) => self.fields.all = true,
            Expr::Field(pos, chain) => {
                self.fields.names.extend(chain.first().map(ToString::to_string));
                *expression = field_call(*pos, Expr::Dot(*pos), "", chain);
            }
            Expr::Variable(pos, name, chain) => {
                if name.as_str() == "$" {
                    match chain.first() {
                        Some(first) => drop(self.fields.names.insert(first.to_string())),
                        None => self.fields.all = true,
                    }
                }
                if !chain.is_empty() {
                    let variable = Expr::Variable(*pos, name.clone(), Vec::new());
                    *expression = field_call(*pos, variable, &name.clone(), chain);
                }
            }
            Expr::Chain(pos, inner, chain) => {
                self.expression(inner);
                *expression = field_call(*pos, (**inner).clone(), "", chain);
            }
            Expr::Pipe(_, pipe) => self.pipe(pipe),
            Expr::Identifier(pos, name) => {
                if !is_template_function(name) {
                    self.unknown.get_or_insert((name.to_string(), pos.line));
                }
            }
            Expr::String(..) | Expr::Number(..) | Expr::Bool(..) | Expr::Nil(_) => {}
        }
    }
}

/// `(__field base line column ".A.B" "A" "B")`: the place in the template, then the names.
fn field_call(pos: Pos, base: Expr, prefix: &str, chain: &[SmolStr]) -> Expr {
    let path: String = chain.iter().map(|name| format!(".{name}")).collect();
    let number = |value: usize| Expr::Number(pos, Number::Int(i64::try_from(value).unwrap_or(0)));
    let mut args = vec![
        Expr::Identifier(pos, SmolStr::new_static(FIELD)),
        base,
        number(pos.line),
        number(pos.offset + prefix.len()),
        Expr::String(pos, format!("{prefix}{path}").into()),
    ];
    args.extend(chain.iter().map(|name| Expr::String(pos, name.as_str().into())));
    let command = CommandNode { pos, args };
    Expr::Pipe(pos, PipeNode { pos, decl: Vec::new(), commands: vec![command], is_assign: false })
}
