using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Conformance;

/// <summary>Comparisons of a law. Texts are made only for the one that fails.</summary>
internal sealed class Check
{
    /// <summary>Comparisons made.</summary>
    internal long Cases { get; private set; }

    /// <summary>The law asks that something be so.</summary>
    /// <param name="holds">Whether it is.</param>
    /// <param name="problem">What is wrong otherwise.</param>
    /// <param name="before">The word that went in.</param>
    /// <param name="after">The word that came out.</param>
    /// <param name="inputs">What was tried.</param>
    internal void That(bool holds, string problem, Pte before, Pte after, ref InputText inputs)
    {
        Cases++;
        if (!holds)
            throw new LawBrokenException(new LawFailure(problem, inputs.ToString(), before.Raw, after.Raw));
    }

    /// <summary>The law asks that something be so of one word.</summary>
    internal void That(bool holds, string problem, Pte word, [InterpolatedStringHandlerArgument(nameof(holds))] InputText inputs) =>
        That(holds, problem, word, word, ref inputs);

    /// <summary>The law asks that something be so of an operation on a word.</summary>
    internal void That(
        bool holds, string problem, Pte before, Pte after, [InterpolatedStringHandlerArgument(nameof(holds))] InputText inputs) =>
        That(holds, problem, before, after, ref inputs);

    /// <summary>The law asks for a word.</summary>
    internal void Same(
        Pte expected, Pte actual, string problem, [InterpolatedStringHandlerArgument(nameof(expected), nameof(actual))] InputText inputs) =>
        That(expected == actual, problem, expected, actual, ref inputs);

    /// <summary>The law asks for a number; words are drawn with both.</summary>
    internal void Equal(
        ulong expected, ulong actual, string problem, [InterpolatedStringHandlerArgument(nameof(expected), nameof(actual))] InputText inputs) =>
        That(expected == actual, problem, new Pte(expected), new Pte(actual), ref inputs);

    /// <summary>The description of inputs: put together only when the comparison failed.</summary>
    [InterpolatedStringHandler]
    internal ref struct InputText
    {
        private DefaultInterpolatedStringHandler text;
        private readonly bool isWanted;

        public InputText(int literalLength, int formattedCount, bool holds, out bool isUsed)
        {
            isUsed = isWanted = !holds;
            text = isWanted ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
        }

        public InputText(int literalLength, int formattedCount, Pte expected, Pte actual, out bool isUsed)
            : this(literalLength, formattedCount, expected == actual, out isUsed)
        {
        }

        public InputText(int literalLength, int formattedCount, ulong expected, ulong actual, out bool isUsed)
            : this(literalLength, formattedCount, expected == actual, out isUsed)
        {
        }

        public void AppendLiteral(string value) => text.AppendLiteral(value);

        public void AppendFormatted<T>(T value) => text.AppendFormatted(value);

        public void AppendFormatted<T>(T value, string format) => text.AppendFormatted(value, format);

        public override readonly string ToString() => isWanted ? text.ToString() : string.Empty;
    }
}
