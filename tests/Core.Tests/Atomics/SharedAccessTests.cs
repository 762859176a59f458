using System.Text.RegularExpressions;

namespace PageTableEmu.Core.Tests.AtomicAccess;

/// <summary>
/// Reads the sources: shared words are touched through src/Core/Atomics and nowhere else, because an access that does not pass the seam is one
/// that no explorer ever interleaves.
/// </summary>
public sealed partial class SharedAccessTests
{
    /// <summary>The mapping base pointers, and the calls into the operating system. They make addresses; they access no shared word.</summary>
    private static readonly string[] MayHavePointers =
    [
        "src/Core/Image/MachineImage.cs", "src/Core/Image/MachineImage.Lifetime.cs",
        "src/Core/Image/MachineImage.Private.cs", "src/Core/Image/CommitMap.cs", "src/Core/Platform/",
    ];

    [Fact]
    public void SharedWords_AreTouchedInAtomicsOnly()
    {
        List<string> violations = [];
        foreach (SourceFile file in SourceFile.All("src/Core").Where(f => !f.Name.StartsWith("src/Core/Atomics/", StringComparison.Ordinal)))
        {
            bool pointers = MayHavePointers.Any(allowed => file.Name.StartsWith(allowed, StringComparison.Ordinal));
            for (int line = 0; line < file.Code.Length; line++)
            {
                if (Violates(file.Code[line], pointers))
                    violations.Add($"{file.Name}:{line + 1}: {file.Lines[line].Trim()}");
            }
        }

        Assert.True(violations.Count == 0, string.Join(Environment.NewLine, violations));
    }

    /// <summary>The reader itself must see what it looks for, and nothing in comments, strings and multiplications.</summary>
    [Theory]
    [InlineData("x = Interlocked.Increment(ref y);", true)]
    [InlineData("return Volatile.Read(ref y);", true)]
    [InlineData("Thread.MemoryBarrier();", true)]
    [InlineData("nuint a = (nuint)Unsafe.AsPointer(ref y);", true)]
    [InlineData("ulong v = *word;", true)]
    [InlineData("*(ulong*)address = 1;", true)]
    [InlineData("if (p->Next == 0)", true)]
    [InlineData("fixed (byte* p = bytes)", true)]
    [InlineData("volatile int x;", true)]
    [InlineData("ulong v = a * b;", false)]
    [InlineData("// Interlocked would do", false)]
    [InlineData("string s = \"Volatile *p\";", false)]
    [InlineData("Func<int, int> f = x => x * x;", false)]
    [InlineData("Atomic<TModel>.Load(ref word);", false)]
    public void Reader_TellsAccessesFromText(string line, bool violates) => Assert.Equal(violates, Violates(SourceFile.Blank(line), false));

    private static bool Violates(string code, bool mayHavePointers) =>
        Shared().IsMatch(code) || (!mayHavePointers && Pointer().IsMatch(code));

    [GeneratedRegex(@"\bInterlocked\b|\bVolatile\b|\bvolatile\b|\bMemoryBarrier\b")]
    private static partial Regex Shared();

    [GeneratedRegex(@"\bAsPointer\b|->|\bfixed\s*\(|\bstackalloc\b.*\*|(?<=^|[\s(=!~,;{&|])\*(?=[A-Za-z_(])")]
    private static partial Regex Pointer();
}
