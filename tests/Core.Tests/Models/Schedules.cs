using PageTableEmu.Atomics;
using PageTableEmu.Leaves;

namespace PageTableEmu.Core.Tests.Models;

/// <summary>Plays a card once for every gap of its observed thread.</summary>
internal static class Schedules
{
    /// <summary>What went wrong, gap by gap; empty when every possible schedule ended well.</summary>
    internal static List<string> Symptoms<TModel>(Func<Card<TModel>> deal)
        where TModel : struct, IExplored => Symptoms(deal, out _);

    /// <param name="deal">Makes a card.</param>
    /// <param name="possible">At how many gaps the others could go to the end.</param>
    internal static List<string> Symptoms<TModel>(Func<Card<TModel>> deal, out int possible)
        where TModel : struct, IExplored
    {
        var symptoms = new List<string>();
        int steps = 0; // of the undisturbed run, which is the first: the disturbed ones may be longer
        possible = 0;
        int enough = 0;
        for (int at = 0; at <= steps; at++)
        {
            using Card<TModel> card = deal();
            var interruption = new Interruption(at, card.Others, at == 0 ? null : card.BeforeContent);
            string? symptom = Play(card, interruption);
            possible += interruption.Ran ? 1 : 0;
            if (at == 0)
            {
                steps = interruption.Steps;
                enough = card.EnoughSchedules;
                card.Others();
                Assert.Null(symptom ?? card.Judge()); // one after the other, nothing is ever wrong
            }
            else if ((symptom ??= interruption.Ran ? Judge(card) : null) is not null)
            {
                symptoms.Add($"before access {at}: {symptom}");
            }
        }

        Assert.InRange(possible, enough, steps);
        return symptoms;
    }

    private static string? Judge<TModel>(Card<TModel> card)
        where TModel : struct, IExplored
    {
        StepObserver.Current = new Interruption(0, static () => { });
        try
        {
            return card.Judge();
        }
        catch (InvalidOperationException error)
        {
            return error.Message; // what the historic rule left behind cannot even be looked at
        }
        finally
        {
            StepObserver.Current = null;
        }
    }

    private static string? Play<TModel>(Card<TModel> card, Interruption interruption)
        where TModel : struct, IExplored
    {
        StepObserver.Current = interruption;
        try
        {
            card.Observed();
            return null;
        }
        catch (ImpossibleSchedule)
        {
            return null;
        }
        catch (InvalidOperationException error)
        {
            return error.Message; // a check of the model refused what the historic rule did
        }
        finally
        {
            StepObserver.Current = null;
            OpenUnmappings.Reset();
        }
    }
}
